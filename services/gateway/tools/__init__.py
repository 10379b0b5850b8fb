"""Tools for assistants (Model Context Protocol): what one may read, read with one's own token; nothing is changed."""
