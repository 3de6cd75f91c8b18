// Holds Katib's own code against what is written for it: its CRD lets every field pass, so its types, its defaults and the checks of
// its admission webhook are the schema, and its collector is what reads a trial's output.
//
//	katib-check experiment FILE...            reads each strictly and prints what the webhook has against it
//	katib-check collect FILE FILTER METRIC... prints the metrics that the collector finds in a trial's output
package main

import (
	"encoding/json"
	"fmt"
	"os"

	config "github.com/kubeflow/katib/pkg/apis/config/v1beta1"
	common "github.com/kubeflow/katib/pkg/apis/controller/common/v1beta1"
	experiments "github.com/kubeflow/katib/pkg/apis/controller/experiments/v1beta1"
	"github.com/kubeflow/katib/pkg/controller.v1beta1/experiment/manifest"
	"github.com/kubeflow/katib/pkg/controller.v1beta1/util"
	collector "github.com/kubeflow/katib/pkg/metricscollector/v1beta1/file-metricscollector"
	"github.com/kubeflow/katib/pkg/webhook/v1beta1/experiment/validator"
	"sigs.k8s.io/yaml"
)

// generator answers the webhook's questions about the cluster: every algorithm that Katib ships is configured.
type generator struct{ manifest.Generator }

var shipped = map[string]bool{
	"random": true, "grid": true, "bayesianoptimization": true, "tpe": true, "multivariate-tpe": true, "cmaes": true, "sobol": true, "hyperband": true,
}

func (generator) GetSuggestionConfigData(name string) (config.SuggestionConfig, error) {
	if !shipped[name] {
		return config.SuggestionConfig{}, fmt.Errorf("no suggestion service named %q", name)
	}
	return config.SuggestionConfig{}, nil
}

func (generator) GetMetricsCollectorConfigData(common.CollectorKind) (config.MetricsCollectorConfig, error) {
	return config.MetricsCollectorConfig{}, nil
}

func (generator) GetTrialTemplate(one *experiments.Experiment) (string, error) {
	return util.ConvertUnstructuredToString(one.Spec.TrialTemplate.TrialSource.TrialSpec)
}

func refused(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	one := &experiments.Experiment{}
	if err := yaml.UnmarshalStrict(text, one); err != nil {
		return []string{err.Error()}
	}
	one.SetDefault()
	found := []string{}
	for _, wrong := range validator.New(generator{}).ValidateExperiment(one, nil) {
		found = append(found, wrong.Error())
	}
	return found
}

func collected(file, filter string, metrics []string) map[string][]string {
	log, err := collector.CollectObservationLog(file, metrics, []string{filter}, common.TextFormat)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found := map[string][]string{}
	for _, one := range log.MetricLogs {
		found[one.Metric.Name] = append(found[one.Metric.Name], one.Metric.Value)
	}
	return found
}

func main() {
	var said any
	switch os.Args[1] {
	case "experiment":
		found := map[string][]string{}
		for _, file := range os.Args[2:] {
			found[file] = refused(file)
		}
		said = found
	case "collect":
		said = collected(os.Args[2], os.Args[3], os.Args[4:])
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		os.Exit(1)
	}
}
