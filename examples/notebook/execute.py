"""Executes a notebook from its first cell to its last, and prints what each of them says.

    execute.py NOTEBOOK EXECUTED [--save]

EXECUTED gets the notebook with its outputs; with --save NOTEBOOK gets them, too.
"""

import shutil
import sys
import time

import nbclient
import nbformat

source, executed, *options = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
client = nbclient.NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": source.rpartition("/")[0]}})

start = time.monotonic()
with client.setup_kernel():
    for index, cell in enumerate(notebook.cells):
        began = time.monotonic()
        try:
            client.execute_cell(cell, index)
        except nbclient.exceptions.CellExecutionError:
            # The compiler's messages, which the exception lacks.
            print(*("\n".join(o.get("traceback") or [o.get("text", "")]) for o in cell.outputs), sep="\n")
            raise
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        print(f"== cell {index}, {time.monotonic() - began:.1f} s")
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain")
            print(text.rstrip() if text else f"({', '.join(output.get('data', {}))})", flush=True)
print(f"== all cells ran, {time.monotonic() - start:.0f} s")

nbformat.write(notebook, executed)
if "--save" in options:
    shutil.copyfile(executed, source)
