// The official JavaScript client. What `worker.py` says of workers holds here too.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Client } from "@gradio/client";

const TEXT = "hello";
const opened = [];

// It tells the last value of a stream twice.
async function each(submission, take) {
	let last;
	for await (const message of submission) {
		if (message.type === "status" && message.stage === "error") throw new Error(message.message);
		if (message.type !== "data" || message.data[0] === last) continue;
		last = message.data[0];
		take(last);
	}
}

async function call(app, endpoint, payload) {
	return (await app.predict(endpoint, payload)).data[0];
}

async function perform(request) {
	const app = opened.at(-1);
	switch (request.do) {
		case "connect":
			opened.push(await Client.connect(request.url));
			return;
		case "close":
			opened.pop().close();
			return;
		case "predict": {
			const values = [];
			for (let i = 0; i < request.count; i++) values.push(await call(app, "/predict", [TEXT]));
			return values;
		}
		case "jobs":
			return Promise.all(Array.from({ length: request.count }, () => call(app, "/predict", [TEXT])));
		case "stream": {
			const values = [];
			await each(app.submit("/count", [request.count, 0]), (value) => values.push(value));
			return values;
		}
		case "replay": {
			let count = 0;
			let last;
			await each(app.submit("/replay", [TEXT]), (value) => {
				count++;
				last = value;
			});
			return [count, last];
		}
		case "big":
			return call(app, "/big", [request.size]);
		case "up":
			return call(app, "/json", ["y".repeat(request.size)]);
		case "apps":
			return Promise.all(
				Array.from({ length: request.count }, async () => {
					const one = await Client.connect(request.url);
					const value = await call(one, "/predict", [TEXT]);
					one.close();
					return value;
				}),
			);
	}
}

function highest() {
	if (!existsSync("/proc/self/status")) return process.resourceUsage().maxRSS * 1024;
	return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
}

function expected(request) {
	switch (request.do) {
		case "predict":
		case "jobs":
		case "apps":
			return Array(request.count).fill(TEXT);
		case "stream":
			return Array.from({ length: request.count }, (_, i) => i);
		case "replay":
			return request.expected;
		case "big":
			return "x".repeat(request.size);
		case "up":
			return { got: "y".repeat(request.size) };
	}
}

for await (const line of createInterface({ input: process.stdin })) {
	const request = JSON.parse(line);
	const cpu = process.cpuUsage();
	const begin = performance.now();
	let got = await perform(request);
	const seconds = (performance.now() - begin) / 1000;
	const used = process.cpuUsage(cpu);
	const peak = highest();
	if (request.do === "replay") got = [got[0], createHash("sha256").update(got[1]).digest("hex")];
	assert.deepEqual(got, expected(request));
	console.log(JSON.stringify({ seconds, cpu: (used.user + used.system) / 1e6, peak }));
}
process.exit(0);
