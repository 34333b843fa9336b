package rstuf

import (
	"example.org/rstuf/internal/shape"
	"example.org/rstuf/internal/shape/requests"
)

func (*BootstrapPayload) shape() *shape.Shape   { return requests.Bootstrap }
func (*SettingsUpdate) shape() *shape.Shape     { return requests.SettingsUpdate }
func (*MetadataUpdate) shape() *shape.Shape     { return requests.MetadataUpdate }
func (*OnlineBump) shape() *shape.Shape         { return requests.OnlineBump }
func (*MetadataSign) shape() *shape.Shape       { return requests.MetadataSign }
func (*MetadataSignDelete) shape() *shape.Shape { return requests.MetadataSignDelete }
func (*DelegationsUpdate) shape() *shape.Shape  { return requests.DelegationsUpdate }
func (*DelegationsDelete) shape() *shape.Shape  { return requests.DelegationsDelete }
func (*AddArtifacts) shape() *shape.Shape       { return requests.AddArtifacts }
func (*DeleteArtifacts) shape() *shape.Shape    { return requests.DeleteArtifacts }
