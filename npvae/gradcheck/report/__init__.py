"""From the outcomes of all cases to one report: a screen of text, plain data, HTML."""
