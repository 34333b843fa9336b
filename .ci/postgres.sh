# For the scripts beside it: a PostgreSQL of Debian's package on free ports of the loopback address, in the temporary
# folder $work, which the script removes at its end.

newest() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }

install_postgresql() { # PACKAGE...
	mkdir -p /etc/postgresql-common # so that no server is started by the installation
	[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql "$@" >/dev/null || {
		apt-get update -q >/dev/null
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends postgresql "$@" >/dev/null
	}
}

as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
control() { as "$bin/pg_ctl" -w -s "$@"; }

# begin makes the folder and, in its part $work/c that the server's user may write to, the files of a server.
begin() {
	bin=$(newest)
	work=$(mktemp -d)
	chmod 755 "$work"
	mkdir "$work/c"
	[ "$(id -u)" != 0 ] || chown postgres "$work/c"
	as "$bin/initdb" -D "$work/c/data" -A trust -U rstuf -E UTF8 --locale=C --no-sync >/dev/null
}

free() { # COUNT: ports that nobody uses
	local port left=$1
	for port in $(seq $((20000 + RANDOM % 10000)) 32000); do
		[ "$left" != 0 ] || return 0
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && left=$((left - 1)); }
	done
}

start() { # DATA PORT
	control -D "$work/c/$1" -l "$work/c/$1.log" -o "-p $2 -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c shared_buffers=64MB -c max_connections=200" start
}

# restarter writes a program that restarts the server of the folder data: immediate, or fast if it is told so.
restarter() { # FILE
	cat >"$1" <<EOF
#!/usr/bin/env bash
bin=$bin
$(declare -f as control)
control -D $work/c/data -l $work/c/data.log -m "\${1:-immediate}" restart
EOF
	chmod +x "$1"
}
