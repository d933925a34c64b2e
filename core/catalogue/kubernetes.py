"""Metrics of containers and Kubernetes, from the agent. Workloads are dimensions; pods, which come and go, are not."""

from core.catalogue.agent_metric import HOST, all_in, events, number, percent, sets, size

_WORKLOAD = sets("namespace", "workload")
_FOLDED = (*HOST, *_WORKLOAD)

CONTAINER_CPU_USED_PERCENT = percent("container_cpu_used_percent")
CONTAINER_CPU_THROTTLED_PERCENT = percent("container_cpu_throttled_percent")
CONTAINER_MEMORY_USED_PERCENT = percent("container_memory_used_percent")
CONTAINER_MEMORY_WORKING_SET = size("container_memory_working_set")
CONTAINER_MEMORY_LIMIT = size("container_memory_limit")
CONTAINER_OOM_KILLS = events("container_oom_kills", fault=True, shown="kills")
CONTAINER_PROCESSES = number("container_processes")

# Node mode: this node's pods, from its kubelet.
KUBE_NODE_PODS_RUNNING = number("kube_node_pods_running", shown="pods")
KUBE_NODE_PODS_NOT_READY = number("kube_node_pods_not_ready", shown="pods")
KUBE_NODE_RESTARTS = events("kube_node_container_restarts", sets=_FOLDED, shown="restarts")
KUBE_NODE_OOM_KILLS = events("kube_node_oom_kills", sets=_FOLDED, fault=True, shown="kills")
KUBE_NODE_GPUS_ALLOCATED = number("kube_node_gpus_allocated", shown="GPUs")
KUBE_WORKLOAD_MEMORY = size("kube_workload_memory_working_set", sets=_WORKLOAD)
KUBE_WORKLOAD_CPU = percent("kube_workload_cpu_of_node", sets=_WORKLOAD)

# Cluster mode: one agent a cluster, from the API server.
KUBE_PODS_RUNNING = number("kube_pods_running", shown="pods")
KUBE_PODS_PENDING = number("kube_pods_pending", shown="pods")
KUBE_PODS_FAILED = number("kube_pods_failed", shown="pods")
KUBE_PODS_NOT_READY = number("kube_pods_not_ready", shown="pods")
KUBE_GPU_PODS_PENDING = number("kube_gpu_pods_pending", shown="pods")
KUBE_RESTARTS = events("kube_container_restarts", sets=_FOLDED, shown="restarts")
KUBE_OOM_KILLS = events("kube_oom_kills", sets=_FOLDED, fault=True, shown="kills")
KUBE_REPLICAS_DESIRED = number("kube_replicas_desired", sets=_WORKLOAD, shown="pods")
KUBE_REPLICAS_READY = number("kube_replicas_ready", sets=_WORKLOAD, shown="pods")
KUBE_REPLICAS_AVAILABLE = number("kube_replicas_available", sets=_WORKLOAD, shown="pods")
KUBE_WORKLOADS_SHORT = number("kube_workloads_short", shown="workloads")
KUBE_NODES = number("kube_nodes", shown="nodes")
KUBE_NODES_NOT_READY = number("kube_nodes_not_ready", shown="nodes")
KUBE_GPUS_ALLOCATABLE = number("kube_gpus_allocatable", shown="GPUs")
KUBE_GPUS_REQUESTED = number("kube_gpus_requested", shown="GPUs")

METRICS = all_in(dict(globals()))
