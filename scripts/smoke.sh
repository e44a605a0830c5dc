#!/usr/bin/env bash
# The main job, over HTTP as a client does it: an administrator signs in, makes a department, a role and a user; the user
# signs in and is refused what the role lacks. Needs curl and node.
#
#   scripts/smoke.sh                     starts the built program on an empty folder and a free port, and stops it
#   scripts/smoke.sh http://host:8000    walks through a server that runs, as ADMIN_USERNAME (admin) and ADMIN_PASSWORD
#                                        (123456); its captcha must be off. What it makes it deletes again.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
server_pid=''
base=${1:-}
admin=${ADMIN_USERNAME:-admin}
admin_password=${ADMIN_PASSWORD:-123456}
suffix=$(node -p 'Date.now().toString(36)')

finish() {
  local code=$?
  if [ -n "$server_pid" ]; then
    kill -TERM "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT

fail() {
  echo "smoke: FAILED: $*" >&2
  if [ -s "$work/body" ]; then echo "smoke: last answer ${status:-}: $(head -c 2000 "$work/body")" >&2; fi
  if [ -n "$server_pid" ]; then tail -n 20 "$work/log" >&2; fi
  exit 1
}

# call METHOD PATH [TOKEN] [JSON]: leaves $status and the body
call() {
  local args=(-sS -o "$work/body" -w '%{http_code}' --max-time 20 -X "$1" -H 'Accept-Language: en-US')
  if [ -n "${3:-}" ]; then args+=(-H "Authorization: Bearer $3"); fi
  if [ -n "${4:-}" ]; then args+=(-H 'Content-Type: application/json' --data "$4"); fi
  : >"$work/body"
  status=$(curl "${args[@]}" "$base$2") || fail "$1 $2: no answer"
}

# expect STATUS WHAT
expect() {
  [ "$status" = "$1" ] || fail "$2: expected $1, got $status"
  echo "smoke: ok   $2"
}

# value EXPRESSION [ARGUMENT]: of the last body, where `it` is the body and `arg` the argument
value() {
  node -e '
    const it = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"))
    const found = new Function("it", "arg", "return " + process.argv[2])(it, process.argv[3])
    if (found === undefined || found === null) process.exit(1)
    process.stdout.write(String(found))
  ' "$work/body" "$1" "${2:-}" || fail "the answer lacks $1"
}

start_server() {
  [ -f "$root/dist/backend/main.js" ] || fail 'dist/ is missing: run npm run build'
  local port
  port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
  base="http://127.0.0.1:$port"
  admin_password="Smoke-$suffix-$$"
  # Nothing of the caller's settings: what is walked through is what a fresh machine gets.
  (
    cd "$work"
    exec env -i PATH="$PATH" HOME="$work" NODE_ENV=production HOST=127.0.0.1 PORT="$port" DATA_DIR="$work/data" \
      TOKEN_SECRET_KEY="$(node -p 'require("node:crypto").randomBytes(32).toString("hex")')" \
      ADMIN_PASSWORD="$admin_password" LOGIN_CAPTCHA_ENABLED=false \
      node "$root/dist/backend/main.js"
  ) >"$work/log" 2>&1 &
  server_pid=$!
  for _ in $(seq 300); do
    if curl -sf -o /dev/null "$base/readyz"; then return; fi
    kill -0 "$server_pid" 2>/dev/null || fail 'the server ended at its start'
    sleep 0.1
  done
  fail 'the server does not get ready'
}

if [ -z "$base" ]; then start_server; else base=${base%/}; fi
api=/api/v1

call GET /healthz
expect 200 'the process answers'
call GET /readyz
expect 200 'the database answers'

call GET $api/auth/captcha
expect 200 'a captcha'
[ "$(value 'it.data.image.slice(0, 8)')" = 'iVBORw0K' ] || fail 'the captcha is no PNG in base64'
[ "$(value 'it.data.is_enabled')" = false ] || fail 'the captcha is on: start the server with LOGIN_CAPTCHA_ENABLED=false'

call GET $api/sys/users/me
expect 401 'nobody is nobody'
call POST $api/auth/login '' "{\"username\":\"$admin\",\"password\":\"not-$suffix\"}"
expect 400 'a wrong password is refused'
call POST $api/auth/login '' "{\"username\":\"$admin\",\"password\":\"$admin_password\"}"
expect 200 'the administrator signs in'
token=$(value 'it.data.access_token')
call GET $api/sys/users/me "$token"
expect 200 'users/me'
[ "$(value 'it.data.username')" = "$admin" ] || fail 'users/me names somebody else'

call POST $api/sys/depts "$token" "{\"name\":\"Smoke $suffix\",\"status\":1}"
expect 200 'a department is created'
call GET "$api/sys/depts?name=Smoke%20$suffix" "$token"
dept_id=$(value 'it.data[0].id')

call POST $api/sys/roles "$token" "{\"name\":\"Smoke $suffix\",\"status\":1,\"is_filter_scopes\":false}"
expect 200 'a role is created'
call GET "$api/sys/roles?name=Smoke%20$suffix" "$token"
role_id=$(value 'it.data.items[0].id')
call GET $api/sys/menus "$token"
menu_id=$(value '(function find(rows) { for (const row of rows) { const id = row.perms === arg ? row.id : find(row.children ?? []); if (id) return id } })(it.data)' sys:dept:get)
call PUT "$api/sys/roles/$role_id/menus" "$token" "{\"menus\":[$menu_id]}"
expect 200 'the role may read departments'

call POST $api/sys/users "$token" \
  "{\"username\":\"smoke-$suffix\",\"password\":\"Walk-$suffix\",\"nickname\":\"Smoke\",\"dept_id\":$dept_id,\"roles\":[$role_id]}"
expect 200 'a user is created'
call GET "$api/sys/users?username=smoke-$suffix" "$token"
user_id=$(value 'it.data.items[0].id')

call POST $api/auth/login '' "{\"username\":\"smoke-$suffix\",\"password\":\"Walk-$suffix\"}"
expect 200 'the user signs in'
user_token=$(value 'it.data.access_token')
call GET $api/sys/depts "$user_token"
expect 200 'the user reads departments'
call GET $api/sys/users "$user_token"
expect 403 'the user is refused the users'
call POST $api/sys/depts "$user_token" "{\"name\":\"Refused $suffix\",\"status\":1}"
expect 403 'the user is refused to create a department'
call DELETE "$api/sys/users/$user_id" "$user_token"
expect 403 'the user is refused to delete a user'

call PUT "$api/sys/roles/$role_id/menus" "$token" '{"menus":[]}'
expect 200 'the role is emptied'
call GET $api/sys/depts "$user_token"
expect 403 'which counts from the next request'
call POST $api/auth/logout "$user_token"
expect 200 'the user signs out'
call GET $api/sys/users/me "$user_token"
expect 401 'and the token is worth nothing any more'

call DELETE "$api/sys/users/$user_id" "$token"
expect 200 'the user is deleted'
call DELETE $api/sys/roles "$token" "{\"pks\":[$role_id]}"
expect 200 'the role is deleted'
call DELETE "$api/sys/depts/$dept_id" "$token"
expect 200 'the department is deleted'
call POST $api/auth/logout "$token"
expect 200 'the administrator signs out'

# The built program tries plugins without the right to write files, which the sources cannot be run without.
fba() { (cd "$work" && env -i PATH="$PATH" node "$root/dist/backend/cli.js" "$@" >"$work/body" 2>&1); }
if [ -n "$server_pid" ]; then
  fba plugin new smoke_test --dir plugins || fail 'a plugin is not written'
  fba plugin check plugins/smoke_test || fail 'a new plugin is refused'
  echo 'smoke: ok   a new plugin could be installed'
  echo "import { writeFileSync } from 'node:fs'; writeFileSync('$work/written', '')" >>"$work/plugins/smoke_test/plugin.ts"
  if fba plugin check plugins/smoke_test || [ -e "$work/written" ]; then fail 'a plugin writes a file when it is loaded'; fi
  grep -q 'throws when it is loaded' "$work/body" || fail 'the reason is another one'
  echo 'smoke: ok   one that writes files when it is loaded could not'
fi

if [ -n "$server_pid" ]; then
  kill -TERM "$server_pid"
  code=0
  wait "$server_pid" || code=$?
  server_pid=''
  [ "$code" = 0 ] || fail "the server ended with $code"
  echo 'smoke: ok   the server stops'
fi
echo 'smoke: passed'
