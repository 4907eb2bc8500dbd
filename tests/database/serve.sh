#!/usr/bin/env bash
# serve.sh mariadb|postgres PORT: a private database server on 127.0.0.1, quick since it never waits
# for a disk: what it committed outlives the server's death, not the machine's.
# Says in one JSON line when it is ready: its process and its folder, where its socket is. When that
# process has died, a line on standard input starts it again on the same data. It ends, and leaves
# nothing behind, when standard input closes.
#
# Debian's packages mariadb-server and postgresql. Both refuse to run as root, and run then as the
# packages' users. The two users, and MariaDB's collation, are those that Spinnaker documents for
# Clouddriver.
set -euo pipefail

kind=$1 port=$2 pid=
for bin in /usr/sbin /usr/lib/postgresql/*/bin; do
  PATH=$bin:$PATH
done
case $kind in
mariadb) user=mysql package=mariadb-server programs="mariadbd mariadb-install-db mariadb" ;;
postgres) user=postgres package=postgresql programs="postgres initdb psql" ;;
*) echo "there is no database $kind" >&2 && exit 1 ;;
esac
for program in $programs; do
  command -v "$program" >/dev/null || { echo "install $package: $program is missing" >&2 && exit 1; }
done

as=()
folder=$(mktemp -d "${TMPDIR:-/tmp}/ferry-$kind.XXXXXX")
# MariaDB deletes every temporary table that it finds where its own are to be, also another server's.
export TMPDIR=$folder
if [ "$(id -u)" -eq 0 ]; then
  chown "$user:" "$folder"
  as=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
fi

end() {
  # PostgreSQL's processes outlive the first of them for a moment.
  if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
    read -ra children <"/proc/$pid/task/$pid/children" || true
    kill -KILL "$pid" "${children[@]}" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap end EXIT
trap exit HUP INT TERM

create_mariadb() {
  "${as[@]}" mariadb-install-db --no-defaults "--datadir=$folder/data" --skip-test-db \
    --skip-name-resolve --auth-root-authentication-method=normal --innodb-flush-method=nosync
}

serve_mariadb() {
  exec "${as[@]}" mariadbd --no-defaults "--datadir=$folder/data" "--socket=$folder/socket" \
    "--pid-file=$folder/pid" --bind-address=127.0.0.1 "--port=$port" --skip-name-resolve \
    --skip-log-bin --innodb-flush-method=nosync --innodb-flush-log-at-trx-commit=2 \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_unicode_ci \
    --innodb-doublewrite=0 --innodb-buffer-pool-size=32M --sync-frm=0 --max-connections=500
}

ask_mariadb() {
  mariadb --no-defaults -u root -S "$folder/socket"
}

users_mariadb() {
  cat <<'SQL'
CREATE USER clouddriver_service IDENTIFIED BY 'service-password';
CREATE USER clouddriver_migrate IDENTIFIED BY 'migrate-password';
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, SHOW VIEW
  ON `clouddriver\_%`.* TO clouddriver_service;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, LOCK TABLES, EXECUTE,
  SHOW VIEW ON `clouddriver\_%`.* TO clouddriver_migrate;
SQL
}

create_postgres() {
  "${as[@]}" initdb -D "$folder/data" -U postgres --no-sync --auth-local=trust \
    --auth-host=password -E UTF8 --locale=C.UTF-8
}

serve_postgres() {
  exec "${as[@]}" postgres -D "$folder/data" -k "$folder" -h 127.0.0.1 -p "$port" -F \
    -c full_page_writes=off -c shared_buffers=32MB -c max_connections=500
}

ask_postgres() {
  psql -X -q -v ON_ERROR_STOP=1 -h "$folder" -p "$port" -U postgres -d template1
}

# Every database is made of template1.
users_postgres() {
  cat <<'SQL'
CREATE ROLE clouddriver_service LOGIN PASSWORD 'service-password';
CREATE ROLE clouddriver_migrate LOGIN PASSWORD 'migrate-password';
ALTER DEFAULT PRIVILEGES FOR ROLE clouddriver_migrate
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO clouddriver_service;
SQL
}

start() {
  "serve_$kind" </dev/null >>"$folder/log" 2>&1 &
  pid=$!
  until "ask_$kind" <<<'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || { cat "$folder/log" >&2 && exit 1; }
    sleep 0.05
  done
}

ready() {
  printf '{"pid": %s, "folder": "%s"}\n' "$pid" "$folder"
}

"create_$kind" >"$folder/log" 2>&1 || { cat "$folder/log" >&2 && exit 1; }
start
"users_$kind" | "ask_$kind" >&2
ready
while read -r _; do
  wait "$pid" 2>/dev/null || true
  start
  ready
done
