"""Detection: which registered material is in a corpus or in outputs, and how sure that is (docs/detect.md).

::

    reading   what is looked at, as items of text          text, winnow   an item's prints
    printset  prints of a whole asset, with their root     index          prints -> items of assets, on LevelDB
    matching  which items share enough, by a rule          calibration    how often a rule is wrong
    finding   what was found, what it proves, as JSON      page           the same with its passages, as HTML

Numpy comes with the `detect` extra, so no module is imported before one of its commands runs.
"""
