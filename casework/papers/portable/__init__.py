"""A portable case file: a bag (BagIt, RFC 8493) in a ZIP file, written, and checked without anything but a key."""
