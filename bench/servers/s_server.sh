# OpenSSL's own server, one connection at a time: answers each line with its reverse.
#   sh bench/servers/s_server.sh CERT KEY
# It cannot choose a port and tell it, so one is chosen here, by the number of this process; and told when it listens.
port=$((20000 + $$ % 20000))
(sleep 0.5; echo $port) &
exec openssl s_server -rev -quiet -accept 127.0.0.1:$port -cert "$1" -key "$2" >/dev/null 2>&1
