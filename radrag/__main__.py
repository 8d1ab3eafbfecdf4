"""``python -m radrag``: the ``radrag`` command of this interpreter."""

from radrag.cli.main import main

if __name__ == "__main__":
    main()
