"""Run the command line as `python -m opsanalytics`."""

from opsanalytics.cli import main

if __name__ == "__main__":
    main()
