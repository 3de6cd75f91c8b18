"""What HYDATIS costs a real kube-scheduler, measured beside no extender and beside one that answers constants."""
