"""``python -m gradio_sansio_cli``."""

import sys

from gradio_sansio_cli import main

if __name__ == "__main__":
    sys.exit(main())
