#!/bin/sh
# nginx, for handshakes: bench/servers/nginx.sh CERT KEY
# It can neither choose a port nor tell it, so a free one is looked for here.
set -eu
dir=$(mktemp -d)
port=$(lua5.4 -e 'local t = require "luv".new_tcp() t:bind("127.0.0.1", 0) print(t:getsockname().port) os.exit(0, false)')
cat >"$dir/conf" <<CONF
daemon off;
master_process off;
pid $dir/pid;
error_log $dir/error crit;
worker_rlimit_nofile 20000;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
  uwsgi_temp_path $dir; scgi_temp_path $dir;
  server {
    listen 127.0.0.1:$port ssl backlog=511;
    ssl_certificate $(realpath "$1");
    ssl_certificate_key $(realpath "$2");
    ssl_protocols TLSv1.2 TLSv1.3;
    return 204;
  }
}
CONF
(sleep 0.3; echo "$port") &
exec nginx -p "$dir" -c "$dir/conf"
