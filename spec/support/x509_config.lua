-- The openssl command's configuration for a certificate: a format of its subject's fields and its extensions.
return [[
[req]
distinguished_name = dn
prompt = no
utf8 = yes
string_mask = utf8only
x509_extensions = v3
[dn]
%s
[v3]
%s
]]
