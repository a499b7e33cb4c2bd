"""python -m sample_data.generator [FOLDER]: the sample company anew, into FOLDER or else into sample_data itself."""

import sys
from pathlib import Path

from .company import SEED, generate, show_figures

HERE = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    figures = generate(folder, SEED)
    if folder == HERE:
        show_figures(folder / "README.md", figures)
    for name, value in figures.items():
        print(f"{name:45} {value}")
