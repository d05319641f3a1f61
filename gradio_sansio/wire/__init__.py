"""The wire storey: HTTP exchanges and websockets above, the bytes of connections below.

``Wire`` composes it. It knows nothing of Gradio, and nothing in it touches a socket, a clock or a source of randomness.
"""
