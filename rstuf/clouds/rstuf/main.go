// Command rstuf is the command of example.org/rstuf/rstuf with the key services
// of AWS, Google and Azure, S3-compatible buckets and Sigstore linked in.
package main

import (
	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms/aws"
	"example.org/rstuf/keys/kms/azure"
	"example.org/rstuf/keys/kms/gcp"
	"example.org/rstuf/rstuf/internal/cmd"
)

func main() {
	cmd.Main(cmd.Parts{
		Openers:  map[string]keys.URIOpener{"awskms": aws.Open, "azurekms": azure.Open, "gcpkms": gcp.Open},
		Bucket:   openBucket,
		Sigstore: useSigstore,
	})
}
