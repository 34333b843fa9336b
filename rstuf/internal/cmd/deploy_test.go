package cmd

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// started is a way to start the command that a file of docs/deploy has.
type started struct {
	file string
	args []string
	// mounts are where that file puts what the arguments name; nil if it need not.
	mounts []string
}

func deployFile(t *testing.T, name string) []byte {
	data, err := os.ReadFile(filepath.Join("../../../docs/deploy", name))
	require.NoError(t, err)
	return data
}

// ofCompose are the replicas of the compose file.
func ofCompose(t *testing.T) (list []started) {
	const file = "replicas/compose.yaml"
	var project struct {
		Services map[string]struct {
			Image          string
			Command        []string `yaml:"command"`
			Secrets, Tmpfs []string
			Volumes        []any
		}
	}
	require.NoError(t, yaml.Unmarshal(deployFile(t, file), &project))
	for _, service := range project.Services {
		if !strings.Contains(service.Image, "RSTUF_IMAGE") {
			continue
		}
		s := started{file: file, args: service.Command}
		for _, secret := range service.Secrets {
			s.mounts = append(s.mounts, "/run/secrets/"+secret)
		}
		for _, volume := range service.Volumes {
			s.mounts = append(s.mounts, volume.(map[string]any)["target"].(string))
		}
		for _, tmpfs := range service.Tmpfs {
			path, _, _ := strings.Cut(tmpfs, ":")
			s.mounts = append(s.mounts, path)
		}
		list = append(list, s)
	}
	return list
}

// manifest is what a test looks at in a manifest of Kubernetes.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Selector map[string]any
		Ports    []struct {
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]any }
			Spec     struct {
				Containers []struct {
					Args  []string
					Ports []struct {
						Name          string
						ContainerPort string `yaml:"containerPort"`
					}
					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct{ Name string }
			}
		}
	}
}

func manifests(t *testing.T) (list []manifest) {
	decoder := yaml.NewDecoder(strings.NewReader(string(deployFile(t, "replicas/kubernetes.yaml"))))
	for {
		var m manifest
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, m)
	}
}

// ofKubernetes are the pods' containers.
func ofKubernetes(t *testing.T) (list []started) {
	for _, m := range manifests(t) {
		for _, container := range m.Spec.Template.Spec.Containers {
			s := started{file: "replicas/kubernetes.yaml", args: container.Args}
			for _, mount := range container.VolumeMounts {
				s.mounts = append(s.mounts, mount.MountPath)
			}
			list = append(list, s)
		}
	}
	return list
}

// ofUnit is the command line of a systemd unit.
func ofUnit(t *testing.T, file string) []started {
	for line := range strings.Lines(string(deployFile(t, file))) {
		if command, ok := strings.CutPrefix(line, "ExecStart=/usr/local/bin/rstuf "); ok {
			return []started{{file: file, args: strings.Fields(command)}}
		}
	}
	return nil
}

// TestDeployedFlags: what the files of docs/deploy start the command with, it knows, and
// what is named there is there.
func TestDeployedFlags(t *testing.T) {
	t.Parallel()
	compose, pods := ofCompose(t), ofKubernetes(t)
	units := append(ofUnit(t, "rstuf.service"), ofUnit(t, "replicas/replica.conf")...)
	require.Len(t, compose, 2)
	require.Len(t, pods, 1)
	require.Len(t, units, 2)
	for _, s := range slices.Concat(compose, pods, units) {
		command, rest, err := newRootCommand(&app{}).Find(s.args)
		require.NoError(t, err, s.file)
		require.NoError(t, command.ParseFlags(rest), s.file)
		assert.Empty(t, command.Flags().Args(), s.file)
		assert.Equal(t, "serve", command.Name(), s.file)
		command.Flags().Visit(func(flag *pflag.Flag) {
			if value := flag.Value.String(); s.mounts != nil && filepath.IsAbs(value) {
				assert.Condition(t, func() bool { return mounted(value, s.mounts) }, "%s: --%s=%s is nowhere put", s.file, flag.Name, value)
			}
		})
	}
}

func mounted(path string, mounts []string) bool {
	for _, mount := range mounts {
		if within(path, mount) {
			return true
		}
	}
	return false
}

// TestManifestsFit: what one manifest says of another is so. That each is well formed is
// tested by .ci/interop-deploy.
func TestManifestsFit(t *testing.T) {
	t.Parallel()
	var labels map[string]any
	ports, volumes, kinds := map[string]string{}, map[string]bool{}, map[string]int{}
	list := manifests(t)
	for _, m := range list {
		kinds[m.Kind]++
		pod := m.Spec.Template
		if m.Kind != "Deployment" {
			continue
		}
		labels = pod.Metadata.Labels
		for _, volume := range pod.Spec.Volumes {
			volumes[volume.Name] = true
		}
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				ports[port.Name] = port.ContainerPort
				assert.Condition(t, func() bool {
					for _, arg := range container.Args {
						if strings.HasSuffix(arg, "listen=0.0.0.0:"+port.ContainerPort) {
							return true
						}
					}
					return false
				}, "nothing listens at port %s", port.ContainerPort)
			}
			for _, mount := range container.VolumeMounts {
				assert.True(t, volumes[mount.Name], "there is no volume %s", mount.Name)
			}
		}
	}
	for _, m := range list {
		selector := m.Spec.Selector
		if inner, ok := selector["matchLabels"].(map[string]any); ok {
			selector = inner
		}
		for key, value := range selector {
			assert.Equal(t, value, labels[key], "%s %s selects no pod", m.Kind, m.Metadata.Name)
		}
		for _, port := range m.Spec.Ports {
			assert.NotEmpty(t, ports[port.TargetPort], "%s: no port is called %s", m.Metadata.Name, port.TargetPort)
		}
	}
	assert.Equal(t, map[string]int{"ServiceAccount": 1, "Deployment": 1, "PodDisruptionBudget": 1, "Service": 2, "NetworkPolicy": 1}, kinds)
}
