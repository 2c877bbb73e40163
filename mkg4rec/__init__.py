"""Multi-KG4Rec: recommendation over a multimodal knowledge graph, as a library of pure steps."""

__version__ = "0.1.0"
