# Installs python-tuf and tuf-js for the checks that source this file: in Debian's packages what they run
# on, if it is missing, and the two themselves in a folder of the caller's.

# install_peers DIR makes DIR/venv with python-tuf and DIR/npm with tuf-js.
install_peers() {
	local missing=()
	command -v node >/dev/null || missing+=(nodejs)
	command -v npm >/dev/null || missing+=(npm)
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
	if [ ${#missing[@]} -gt 0 ]; then
		apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"
	fi
	python3 -m venv "$1/venv"
	"$1/venv/bin/pip" install -q --disable-pip-version-check -r .ci/interop/peers-requirements.txt
	npm install --prefix "$1/npm" --loglevel=error --no-fund --no-audit --ignore-scripts tuf-js@4.1.0
}
