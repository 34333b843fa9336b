module example.org/rstuf/signers/pkcs11

go 1.26.0

replace example.org/rstuf => ../..

require (
	example.org/rstuf v0.0.0
	github.com/miekg/pkcs11 v1.1.2
	github.com/stretchr/testify v1.12.1
	golang.org/x/term v0.47.0
)

require (
	filippo.io/mldsa v1.0.0 // indirect
	github.com/secure-systems-lab/go-securesystemslib v0.11.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
