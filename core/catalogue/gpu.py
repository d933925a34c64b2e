"""Metrics of a host's NVIDIA and AMD GPUs and AWS Neuron devices, in the CloudWatch agent's names where it has them.

Where a metric has a series of the host beside those of each device, the host's has one sample a device, so that its
Maximum (or Minimum) is the worst device's. Shares of time (throttling) are 0 or 100 at each look: their Average is the
share.
"""

from core.catalogue.agent_metric import (
    CLOUDWATCH_AGENT_GPU,
    HOST,
    all_in,
    events,
    metric,
    milliseconds,
    number,
    percent,
    plain,
    sets,
    size,
    transferred,
)
from core.catalogue.metric import Display, Emitted

_GPU = sets("index")
_FOLDED = (*HOST, *_GPU)
_OWNED = (*_FOLDED, *sets("namespace", "workload"))

NVIDIA_SMI_UTILIZATION_GPU = percent("nvidia_smi_utilization_gpu", sets=_FOLDED, source=CLOUDWATCH_AGENT_GPU)
NVIDIA_SMI_UTILIZATION_MEMORY = percent("nvidia_smi_utilization_memory", sets=_GPU, source=CLOUDWATCH_AGENT_GPU)
# As nvidia-smi prints them: MiB, under the unit that CloudWatch calls Megabytes.
NVIDIA_SMI_MEMORY_USED, NVIDIA_SMI_MEMORY_TOTAL, NVIDIA_SMI_MEMORY_FREE = (
    metric(f"nvidia_smi_memory_{kind}", "Megabytes", Display("MB"), sets=_GPU, source=CLOUDWATCH_AGENT_GPU)
    for kind in ("used", "total", "free")
)
GPU_MEMORY_RESERVED = size("gpu_memory_reserved", sets=_GPU)
GPU_MEMORY_USED_PERCENT = percent("gpu_memory_used_percent", sets=_FOLDED)
NVIDIA_SMI_TEMPERATURE_GPU = plain(
    "nvidia_smi_temperature_gpu", "°C", sets=_FOLDED, source=CLOUDWATCH_AGENT_GPU, maximum=150.0
)
GPU_TEMPERATURE_MEMORY = plain("gpu_temperature_memory", "°C", sets=_FOLDED, maximum=150.0)
# How far from the temperature at which the GPU slows down; below 0 it is there.
GPU_TEMPERATURE_MARGIN = plain("gpu_temperature_margin", "°C", sets=_FOLDED, signed=True)
NVIDIA_SMI_POWER_DRAW = plain("nvidia_smi_power_draw", "W", sets=_FOLDED, source=CLOUDWATCH_AGENT_GPU)
# What is drawn at the moment: on Ampere and later, power_draw is the mean of a second.
GPU_POWER_INSTANT = plain("gpu_power_instant", "W", sets=_GPU)
GPU_POWER_LIMIT = plain("gpu_power_limit", "W", sets=_GPU)
GPU_ENERGY = metric("gpu_energy", "None", Display("J"), sets=_FOLDED, counted=True)
NVIDIA_SMI_CLOCKS_CURRENT_SM = plain("nvidia_smi_clocks_current_sm", "MHz", sets=_GPU, source=CLOUDWATCH_AGENT_GPU)
NVIDIA_SMI_CLOCKS_CURRENT_MEMORY = plain(
    "nvidia_smi_clocks_current_memory", "MHz", sets=_GPU, source=CLOUDWATCH_AGENT_GPU
)
GPU_CLOCK_PERCENT = percent("gpu_clock_percent", sets=_FOLDED)
GPU_PERFORMANCE_STATE = plain("gpu_performance_state", "P", sets=_GPU, maximum=32.0)

GPU_THROTTLE_POWER_CAP = percent("gpu_throttle_power_cap", sets=_GPU)
GPU_THROTTLE_SLOWDOWN = percent("gpu_throttle_hw_slowdown", sets=_FOLDED)
GPU_THROTTLE_SW_THERMAL = percent("gpu_throttle_sw_thermal", sets=_FOLDED)
GPU_THROTTLE_HW_THERMAL = percent("gpu_throttle_hw_thermal", sets=_FOLDED)
GPU_THROTTLE_POWER_BRAKE = percent("gpu_throttle_power_brake", sets=_FOLDED)
GPU_THROTTLE_SYNC_BOOST = percent("gpu_throttle_sync_boost", sets=_GPU)
GPU_THROTTLE_APPLICATION_CLOCKS = percent("gpu_throttle_application_clocks", sets=_GPU)
GPU_THROTTLE_DISPLAY_CLOCKS = percent("gpu_throttle_display_clocks", sets=_GPU)

# New events since the look before, 0 included: a last value would hide a repeat, a blank would look like health.
GPU_ECC_UNCORRECTED = events("gpu_ecc_uncorrected", sets=_FOLDED, fault=True, shown="errors")
GPU_ECC_CORRECTED = events("gpu_ecc_corrected", sets=_FOLDED, shown="errors")
GPU_REMAPPED_ROWS_UNCORRECTED = number("gpu_remapped_rows_uncorrected", sets=_FOLDED, shown="rows")
GPU_REMAPPED_ROWS_CORRECTED = number("gpu_remapped_rows_corrected", sets=_GPU, shown="rows")
GPU_REMAP_PENDING = number("gpu_remap_pending", sets=_FOLDED, maximum=1.0)
GPU_REMAP_FAILED = number("gpu_remap_failed", sets=_FOLDED, maximum=1.0)
# Before Ampere: pages given up for errors in them, and whether some wait for that until the next reset.
GPU_RETIRED_PAGES = number("gpu_retired_pages", sets=_FOLDED, shown="pages")
GPU_RETIRED_PAGES_PENDING = number("gpu_retired_pages_pending", sets=_FOLDED, maximum=1.0)
# nvml.h, nvmlDeviceGpuRecoveryAction_t: 0 none, 1 reset the GPU, 2 reboot, 3 drain peer traffic, 4 drain and reset.
GPU_RECOVERY_ACTION = number("gpu_recovery_action", sets=_FOLDED)

GPU_PCIE_REPLAYS = events("gpu_pcie_replays", sets=_FOLDED, shown="replays")
GPU_PCIE_TX_BYTES = transferred("gpu_pcie_tx_bytes", sets=_GPU)
GPU_PCIE_RX_BYTES = transferred("gpu_pcie_rx_bytes", sets=_GPU)
NVIDIA_SMI_PCIE_LINK_GEN_CURRENT = plain(
    "nvidia_smi_pcie_link_gen_current", "generation", sets=_GPU, source=CLOUDWATCH_AGENT_GPU
)
NVIDIA_SMI_PCIE_LINK_WIDTH_CURRENT = plain(
    "nvidia_smi_pcie_link_width_current", "lanes", sets=_GPU, source=CLOUDWATCH_AGENT_GPU
)
GPU_NVLINK_TX_BYTES = transferred("gpu_nvlink_tx_bytes", sets=_GPU)
GPU_NVLINK_RX_BYTES = transferred("gpu_nvlink_rx_bytes", sets=_GPU)
GPU_NVLINK_ERRORS = events("gpu_nvlink_errors", sets=_FOLDED, shown="errors")

GPU_ENCODER_UTILIZATION = percent("gpu_encoder_utilization", sets=_GPU)
GPU_DECODER_UTILIZATION = percent("gpu_decoder_utilization", sets=_GPU)
GPU_JPEG_UTILIZATION = percent("gpu_jpeg_utilization", sets=_GPU)
GPU_OFA_UTILIZATION = percent("gpu_ofa_utilization", sets=_GPU)
# Only where NVSwitch joins the GPUs: 0 while one has no place among them.
GPU_FABRIC_READY = number("gpu_fabric_ready", sets=_FOLDED, maximum=1.0)
GPU_PROCESSES = number("gpu_processes", sets=_FOLDED, shown="processes")
GPU_SM_ACTIVE = percent("gpu_sm_active", sets=_FOLDED)
GPU_SM_OCCUPANCY = percent("gpu_sm_occupancy", sets=_GPU)
GPU_TENSOR_ACTIVE = percent("gpu_tensor_active", sets=_FOLDED)
GPU_DRAM_ACTIVE = percent("gpu_dram_active", sets=_FOLDED)
GPU_MIG_DEVICES = number("gpu_mig_devices", sets=_GPU, shown="instances")
GPU_MIG_SM_ACTIVE = percent("gpu_mig_sm_active", sets=sets("index", "mig"))
GPU_MIG_MEMORY_USED_PERCENT = percent("gpu_mig_memory_used_percent", sets=sets("index", "mig"))

GPU_XID_CRITICAL = events("gpu_xid_critical", sets=_FOLDED, fault=True, shown="errors")
GPU_XID_WARNING = events("gpu_xid_warning", sets=_FOLDED, fault=True, shown="errors")
GPU_XID_APPLICATION = events("gpu_xid_application", sets=_GPU, fault=True, shown="errors")
GPU_XID_ERRORS = events(
    "gpu_xid_errors", sets=sets("index", "code"), fault=True, shown="errors", emitted=Emitted.ON_EVENT
)
GPU_VISIBLE_COUNT = number("gpu_visible_count", shown="GPUs")
GPU_EXPECTED_COUNT = number("gpu_expected_count", shown="GPUs")
GPU_LOST = events("gpu_lost", sets=_FOLDED, fault=True, shown="GPUs")
GPU_DRIVER_HUNG = number("gpu_driver_hung", maximum=1.0)
# The GPUs that a Kubernetes workload has, one sample a GPU: allocated and idle shows as a Maximum near 0.
GPU_WORKLOAD_UTILIZATION = percent("gpu_workload_utilization", sets=sets("namespace", "workload"))
GPU_WORKLOAD_MEMORY_USED_PERCENT = percent("gpu_workload_memory_used_percent", sets=sets("namespace", "workload"))

AMD_GPU_UTILIZATION = percent("amd_gpu_utilization", sets=_FOLDED)
AMD_GPU_UTILIZATION_MEMORY = percent("amd_gpu_utilization_memory", sets=_GPU)
AMD_GPU_MEMORY_USED_PERCENT = percent("amd_gpu_memory_used_percent", sets=_FOLDED)
AMD_GPU_MEMORY_USED = size("amd_gpu_memory_used", sets=_GPU)
AMD_GPU_TEMPERATURE = plain("amd_gpu_temperature", "°C", sets=_FOLDED, maximum=150.0)
AMD_GPU_TEMPERATURE_MEMORY = plain("amd_gpu_temperature_memory", "°C", sets=_FOLDED, maximum=150.0)
AMD_GPU_POWER_DRAW = plain("amd_gpu_power_draw", "W", sets=_FOLDED)
AMD_GPU_ECC_UNCORRECTED = events("amd_gpu_ecc_uncorrected", sets=_FOLDED, fault=True, shown="errors")
AMD_GPU_ECC_CORRECTED = events("amd_gpu_ecc_corrected", sets=_FOLDED, shown="errors")
AMD_GPU_COUNT = number("amd_gpu_count", shown="GPUs")

_NEURON_CORE = (*HOST, *sets("NeuronCore"))
_NEURON_DEVICE = (*HOST, *sets("NeuronDevice"))
NEURON_CORE_UTILIZATION = percent("neuroncore_utilization", sets=_NEURON_CORE)
NEURON_MEMORY_USED = size("neuron_memory_used")
NEURON_HOST_MEMORY_USED = size("neuron_host_memory_used")
NEURON_EXECUTIONS = events("neuron_executions", shown="executions")
NEURON_EXECUTION_ERRORS = events("neuron_execution_errors", shown="errors")
NEURON_HARDWARE_ERRORS = events("neuron_hardware_errors", fault=True, shown="errors")
NEURON_LATENCY_P50 = milliseconds("neuron_execution_latency_p50")
NEURON_LATENCY_P99 = milliseconds("neuron_execution_latency_p99")
NEURON_ECC_UNCORRECTED = events("neuron_ecc_uncorrected", sets=_NEURON_DEVICE, fault=True, shown="errors")
NEURON_ECC_CORRECTED = events("neuron_ecc_corrected", sets=_NEURON_DEVICE, shown="errors")
NEURON_DEVICES = number("neuron_devices", shown="devices")

METRICS = all_in(dict(globals()))
