"""What every stage does around its work: keys, publishing, reports, costs."""
