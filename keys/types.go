package keys

// Key types and schemes that RSTUF accepts (TUF specification, section 4.2).
const (
	KeyTypeEd25519  = "ed25519"
	KeyTypeECDSA    = "ecdsa"
	KeyTypeRSA      = "rsa"
	KeyTypeSigstore = "sigstore-oidc"

	SchemeEd25519   = "ed25519"
	SchemeECDSAP256 = "ecdsa-sha2-nistp256"
	SchemeECDSAP384 = "ecdsa-sha2-nistp384"
	SchemeRSAPSS256 = "rsassa-pss-sha256"
	SchemeFulcio    = "Fulcio"
)
