// Package servertest runs package bucket, and a whole service on it, against
// the S3 server of Versity's gateway, in this process and with its files in a
// temporary folder. The gateway checks signatures, conditional requests, paging
// and bucket policies as AWS does, which stand-ins for unit tests leave out.
// Between it and the client is a proxy that breaks connections. It is a module
// of its own, so that nothing else has to do with the gateway's dependencies.
package servertest
