"""Pictures of the gallery: animations as GIF files, which need neither scripts nor other programs."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The pictures of a block of a script: its animation if it has made one, else its figures."""
    for value in block_vars["example_globals"].values():
        if isinstance(value, FuncAnimation):
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")
            value.save(path, writer="pillow", dpi=90)
            plt.close("all")
            return figure_rst([str(path)], gallery_conf["src_dir"])
    return matplotlib_scraper(block, block_vars, gallery_conf)
