"""Of Ibis, what the columnar compiler uses."""
