#!/bin/sh
# What the one-shot service `keys` of docker-compose.yml does: passwords, and a home for the server and one for the
# client, each with its own private key and only the public key of the other. It runs at every `docker compose up`;
# what exists stays, but for where the broker listens: that is said by its arguments, in docker-compose.yml.
#
#     sh compose-keys.sh NODE:PORT …      the nodes' names in the network, and the ports that the host sees them at
set -eu
umask 077

server=mcp-server-001 client=client-001
server_home=/homes/server
# The folder above is where the service `toolwire` works; the home in it is what people copy to the host.
client_home=/homes/client/.toolwire

if [ ! -e "$client_home/toolwire.toml" ]; then
    toolwire keys new server "$server" --home "$server_home"
    toolwire keys new client "$client" --home "$client_home"
    toolwire keys export server "$server" --home "$server_home" | toolwire keys import - --home "$client_home"
    toolwire keys export client "$client" --home "$client_home" |
        toolwire keys import - --allow '*' --home "$server_home"
fi

# password FILE: its content, made up the first time. Only what mounts the folder can read it.
password() {
    [ -s "$1" ] || python -c 'import secrets; print(secrets.token_urlsafe(24), end="")' >"$1"
    cat "$1"
}

broker_password=$(password /passwords/rabbitmq/password)
inside='' outside=''
for node in "$@"; do
    inside="$inside'amqp://toolwire:$broker_password@${node%:*}:5672/', "
    outside="$outside'amqp://toolwire:$broker_password@127.0.0.1:${node#*:}/', "
done
store="postgresql://toolwire:$(password /passwords/postgres/password)@postgres/toolwire"
printf "broker_url = [%s]\nstore = '%s'\n" "$inside" "$store" >"$server_home/toolwire.toml"
printf "client = '%s'\nserver = '%s'\nbroker_url = [%s]\n" "$client" "$server" "$outside" >"$client_home/toolwire.toml"
# Settings in the working folder go before those in the home: in the network the nodes have other addresses.
echo "broker_url = [$inside]" >/homes/client/toolwire.toml

printf 'default_user = toolwire\ndefault_pass = %s\n' "$broker_password" >/passwords/rabbitmq/user.conf
# RabbitMQ and PostgreSQL read them as users of their own.
chmod 755 /passwords/rabbitmq /passwords/postgres
chmod 644 /passwords/rabbitmq/* /passwords/postgres/*
