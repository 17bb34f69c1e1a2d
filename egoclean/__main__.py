"""``python -m egoclean``."""

from egoclean.cli.main import main

if __name__ == "__main__":
    main()
