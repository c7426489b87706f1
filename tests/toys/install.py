"""What pip leaves of a package with plug-ins."""


def install(folder, entries, name="toy", **modules):
    """Register modules of a package, `NAME = MODULE` on each line of entries; the folder is to be on the path.

    modules: files of the package, with their text.
    """
    found = folder / f"{name}-1.0.dist-info"
    found.mkdir(exist_ok=True)
    (found / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (found / "entry_points.txt").write_text(f"[binland.plugins]\n{entries}\n")
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)
