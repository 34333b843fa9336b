package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// root is the document's outermost node; nil if the file is empty.
func (f *File) root() *yaml.Node {
	if len(f.doc.Content) == 0 || f.doc.Content[0].Tag == "!!null" {
		return nil
	}
	return f.doc.Content[0]
}

// mapping is root, made if there is none.
func (f *File) mapping() *yaml.Node {
	if root := f.root(); root != nil {
		return root
	}
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	f.doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}
	return root
}

// find is the value of an outermost name. Those names are of any case, as the
// Python CLI reads them.
func (f *File) find(name string) *yaml.Node {
	root := f.root()
	if root == nil {
		return nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if strings.EqualFold(root.Content[i].Value, name) {
			return resolve(root.Content[i+1])
		}
	}
	return nil
}

func (f *File) text(name string) (string, error) {
	node := f.find(name)
	if node == nil || node.Tag == "!!null" {
		return "", nil
	}
	if node.Kind != yaml.ScalarNode {
		return "", f.errorf(node, "%s: want a text", name)
	}
	return node.Value, nil
}

func (f *File) repositories() (*yaml.Node, error) {
	node := f.find("REPOSITORIES")
	if node == nil || node.Tag == "!!null" {
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, f.errorf(node, "REPOSITORIES: want names with settings below each")
	}
	return node, nil
}

func (f *File) repository(name string) (*yaml.Node, error) {
	all, err := f.repositories()
	if err != nil {
		return nil, err
	}
	node := child(all, name)
	if node == nil {
		return nil, fmt.Errorf("%w: %q in %s", ErrNoRepository, name, f.path)
	}
	if node.Kind != yaml.MappingNode {
		return nil, f.errorf(node, "repository %s: want names and values", name)
	}
	return node, nil
}

func (f *File) errorf(node *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("settings %s: line %d: %s", f.path, node.Line, fmt.Sprintf(format, args...))
}

// set puts a value under a name. Outermost names keep the case they have.
func (f *File) set(mapping *yaml.Node, name string, value *yaml.Node) {
	same := f.sameName(mapping, name)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if same(mapping.Content[i].Value) {
			old := mapping.Content[i+1]
			value.LineComment, value.HeadComment, value.FootComment = old.LineComment, old.HeadComment, old.FootComment
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, scalar(name), value)
}

// sameName tells whether a name of the mapping is the one meant.
func (f *File) sameName(mapping *yaml.Node, name string) func(string) bool {
	if mapping == f.root() {
		return func(key string) bool { return strings.EqualFold(key, name) }
	}
	return func(key string) bool { return key == name }
}

func child(mapping *yaml.Node, name string) *yaml.Node {
	if mapping == nil {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return resolve(mapping.Content[i+1])
		}
	}
	return nil
}

func (f *File) remove(mapping *yaml.Node, name string) {
	same := f.sameName(mapping, name)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if same(mapping.Content[i].Value) {
			mapping.Content = append(mapping.Content[:i], mapping.Content[i+2:]...)
			return
		}
	}
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func scalar(text string) *yaml.Node {
	node := new(yaml.Node)
	node.SetString(text)
	return node
}
