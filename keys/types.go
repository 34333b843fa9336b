package keys

// Key types and schemes that RSTUF accepts (TUF specification, section 4.2), and
// those of ML-DSA (TAP 21, a draft), which few accept yet.
const (
	KeyTypeEd25519  = "ed25519"
	KeyTypeECDSA    = "ecdsa"
	KeyTypeRSA      = "rsa"
	KeyTypeMLDSA    = "ml-dsa"
	KeyTypeSigstore = "sigstore-oidc"

	SchemeEd25519   = "ed25519"
	SchemeECDSAP256 = "ecdsa-sha2-nistp256"
	SchemeECDSAP384 = "ecdsa-sha2-nistp384"
	SchemeRSAPSS256 = "rsassa-pss-sha256"
	SchemeMLDSA44   = "ml-dsa-44/1"
	SchemeMLDSA65   = "ml-dsa-65/1"
	SchemeMLDSA87   = "ml-dsa-87/1"
	SchemeFulcio    = "Fulcio"
)
