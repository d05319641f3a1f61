"""Programs that keep an app connected for long. docs/recipes.md shows them."""
