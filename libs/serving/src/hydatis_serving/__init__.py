"""All that a process needs to be a HYDATIS service, so that six services differ in nouns only.

Settings, logs, metrics, tracing, the gRPC server, the error table, typed clients and subscribers, the model client and the decision
log. Import the modules (``from hydatis_serving.server import GrpcServer``); nothing is loaded that a process does not ask for.
"""
