"""The console: what operations and customer service look at and act with. Server-rendered; works without JavaScript."""
