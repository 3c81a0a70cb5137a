"""Raw features -> ONNX Runtime -> partial documents, over HTTP."""
