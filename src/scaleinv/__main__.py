"""``python -m scaleinv``."""

from scaleinv.cli import main

if __name__ == "__main__":
    main()
