package main

import (
	"context"
	"fmt"
	"sort"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/metrics"
	"github.com/argoproj/argo-cd/v3/applicationset/services"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// generate runs the ApplicationSet controller once in a cluster that contains nothing but the ApplicationSet, projects,
// and the Secrets of clusters. Returns the Applications that it creates, by name.
func generate(set *v1alpha1.ApplicationSet, projects []*v1alpha1.AppProject, w *workspace, repos services.Repos) ([]v1alpha1.Application, error) {
	ctx := context.Background()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	set = set.DeepCopy()
	// The controller becomes the owner of what it creates by this.
	set.UID = types.UID(set.Name)
	set.Finalizers = nil
	objects := []client.Object{set}
	for _, project := range projects {
		objects = append(objects, project.DeepCopy())
	}
	for _, cluster := range w.Clusters {
		objects = append(objects, cluster.secret())
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.ApplicationSet{}).
		WithIndex(&v1alpha1.Application{}, ".metadata.controller", owner).Build()

	database := &database{clusters: w.Clusters}
	scm := generators.NewSCMConfig("", nil, false, false, nil, false)
	available := generators.GetGenerators(ctx, cluster, nil, controlPlane, repos, nil, scm, nil)
	reconciler := controllers.ApplicationSetReconciler{
		Client:     cluster,
		Scheme:     scheme,
		Recorder:   record.NewFakeRecorder(1 << 16),
		Generators: withSamples(available, w.Samples, set.Name),
		ArgoDB:     database,
		// Nothing has to be deleted in a new cluster.
		Policy:                   v1alpha1.ApplicationsSyncPolicyCreateUpdate,
		Renderer:                 &utils.Render{},
		ArgoCDNamespace:          controlPlane,
		ApplicationSetNamespaces: []string{controlPlane, set.Namespace},
		Metrics:                  metrics.NewFakeAppsetMetrics(),
	}
	name := types.NamespacedName{Namespace: set.Namespace, Name: set.Name}
	_, failure := reconciler.Reconcile(ctx, ctrl.Request{NamespacedName: name})

	var created v1alpha1.ApplicationList
	if err := cluster.List(ctx, &created); err != nil {
		return nil, err
	}
	for index := range created.Items {
		application := &created.Items[index]
		application.OwnerReferences = nil
		application.ResourceVersion = ""
	}
	sort.Slice(created.Items, func(i, j int) bool { return created.Items[i].Name < created.Items[j].Name })
	if failure != nil {
		return created.Items, failure
	}
	var after v1alpha1.ApplicationSet
	if err := cluster.Get(ctx, name, &after); err != nil {
		return nil, err
	}
	for _, condition := range after.Status.Conditions {
		failed := condition.Status == v1alpha1.ApplicationSetConditionStatusTrue
		if condition.Type == v1alpha1.ApplicationSetConditionErrorOccurred && failed {
			return created.Items, fmt.Errorf("%s: %s", condition.Reason, condition.Message)
		}
	}
	return created.Items, nil
}

// owner indexes Applications by the ApplicationSet that owns them, as the controller's own index.
func owner(object client.Object) []string {
	controller := metav1.GetControllerOf(object)
	if controller == nil || controller.Kind != "ApplicationSet" {
		return nil
	}
	return []string{controller.Name}
}
