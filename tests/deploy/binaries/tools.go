//go:build tools

// Pins the version of helm that the chart's tests run.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
