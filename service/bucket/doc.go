// Package bucket keeps a service's metadata files in an S3-compatible bucket,
// from which clients, or a CDN in front of it, fetch them directly.
//
// Start with [New]: it takes a client of AWS's SDK, which knows endpoint,
// region, credentials, retries and proxies already, and gives a [Bucket] to put
// into service.Config.Storage. It is a module of its own, so programs that
// keep metadata in a folder have nothing to do with the SDK.
//
// What it promises:
//
//   - Create and Replace return once the store has acknowledged the object,
//     which for S3 means that it is durable and that every later read and list
//     sees it. Sync has therefore nothing to wait for. The store must be
//     strongly consistent, as AWS, MinIO, Ceph, R2 and Google's XML API are.
//   - Nothing that is there is overwritten by who does not know of it. Each PUT is
//     conditional: versioned files with If-None-Match, timestamp.json with If-Match
//     of the tag under which an older version was read. So neither a PUT that was
//     believed lost and arrives late nor a process that was paused and wakes can
//     bring back an older timestamp.json or change a file that is published. A
//     write whose answer got lost is safe to repeat.
//   - A service tries at its start whether the store keeps these conditions
//     ([Bucket.Probe]), and warns if it does not. The storage then looks before it
//     writes, which is enough for one writer; a second one can overwrite then.
//   - Versioned files can be cached for ever (Cache-Control: public,
//     max-age=31536000, immutable), timestamp.json must be asked for each time
//     (no-cache), and all are application/json. Let a CDN not cache 404: clients
//     look for the next root, which is not there yet most of the time.
//   - Every operation ends within [Config.Timeout]. The service then pauses,
//     says why, and tries again.
//   - Each PUT carries a SHA-256 checksum, which AWS and most stores compare with
//     what they have got.
//   - Errors are one line with the operation, the file, and the store's answer,
//     without addresses that carry a signature and without credentials.
//
// One service, alone or of several replicas (service.OpenReplica), writes to a bucket
// and prefix. The lock of a service's folder keeps a second process away from the
// folder, not from the bucket: never run two services with different folders, or
// databases, on one prefix. If it happens, the one that finds a newer timestamp.json
// pauses and says so. Folder or database stay necessary: what waits and what is
// published is recorded there.
//
// The credentials need s3:GetObject, s3:PutObject and s3:DeleteObject on the
// files, and s3:ListBucket on the bucket. Without the latter AWS calls a missing
// file forbidden. Clients need to be allowed to read the files, by the bucket's
// policy or through the CDN; nothing here changes policies or ACLs. A reader
// who may not list the bucket gets 403 for a root that is not there yet, which
// TUF clients take as the end of the roots, as they do 404.
//
// Why AWS's SDK: its S3 client alone is eleven modules, it is the SDK that
// keys/kms/aws has already, and it knows conditional PUTs. minio-go's go.mod
// brings over 200 modules of its tools into the module graph, and
// gocloud.dev/blob adds a layer over the same SDK without If-Match.
package bucket
