"""model-server: serves one verified model by the Open Inference Protocol, over gRPC and REST.

One process per model, everywhere: ``python -m hydatis_model_server --model-name cpu-forecaster --models-dir models``.
"""
