module headrace.dev/tests/cluster/crds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.93.0
	istio.io/api v1.31.1
	sigs.k8s.io/gateway-api v1.6.1
)
