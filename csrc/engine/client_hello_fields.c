/*
** client_hello_fields: see client_hello_fields.h.
*/
#include "client_hello_fields.h"

static const struct tls_piece nothing = {NULL, 0};

/* OpenSSL refuses an extension that is sent twice. If one ever got here, the
** last would count. */
const struct tls_piece *
tls_client_hello_extension (const struct tls_client_hello *hello, int type) {
  size_t i;
  for (i = hello->count; i > 0; i--)
    if (hello->types[i - 1] == type)
      return &hello->bodies[i - 1];
  return NULL;
}

static struct tls_piece first_vector (const struct tls_piece *body,
                                      size_t prefix) {
  struct tls_reader r = tls_reader_of(body == NULL ? nothing : *body);
  return tls_read_vector(&r, prefix);
}

static struct tls_piece list_of (const struct tls_client_hello *hello, int type,
                                 size_t prefix) {
  return first_vector(tls_client_hello_extension(hello, type), prefix);
}

bool tls_read_host_name (struct tls_piece body, struct tls_piece *name) {
  struct tls_reader extension = tls_reader_of(body);
  struct tls_reader list = tls_reader_of(tls_read_vector(&extension, 2));
  unsigned type = tls_read_u8(&list);
  *name = nothing;
  if (list.failed || type != TLSEXT_NAMETYPE_host_name)
    return false;
  *name = tls_read_vector(&list, 2);
  return tls_reader_done(&extension) && tls_reader_done(&list);
}

static struct tls_piece server_name (const struct tls_client_hello *hello) {
  const struct tls_piece *body =
      tls_client_hello_extension(hello, TLSEXT_TYPE_server_name);
  struct tls_piece name = nothing;
  if (body != NULL)
    tls_read_host_name(*body, &name);
  return name;
}

/* In TLS 1.3 a client resumes with the first identity of pre_shared_key. A
** session that is stored at the server has an id of 32 bytes there; an
** identity of another size is an encrypted ticket. */
static struct tls_piece stored_identity (const struct tls_piece *offered) {
  struct tls_piece identities = first_vector(offered, 2);
  struct tls_piece first = first_vector(&identities, 2);
  return first.size == SSL_MAX_SSL_SESSION_ID_LENGTH ? first : nothing;
}

/* A client that sends a ticket makes up its session id (RFC 5077, 3.4). */
static struct tls_piece session_id (const struct tls_client_hello *hello) {
  const struct tls_piece *psk =
      tls_client_hello_extension(hello, TLSEXT_TYPE_psk);
  const struct tls_piece *ticket =
      tls_client_hello_extension(hello, TLSEXT_TYPE_session_ticket);
  if (psk != NULL)
    return stored_identity(psk);
  return ticket != NULL && ticket->size > 0 ? nothing : hello->session_id;
}

static bool wants_ocsp (const struct tls_client_hello *hello) {
  const struct tls_piece *body =
      tls_client_hello_extension(hello, TLSEXT_TYPE_status_request);
  return body != NULL && body->size > 0 &&
         body->data[0] == TLSEXT_STATUSTYPE_ocsp;
}

void tls_client_hello_read_fields (const struct tls_client_hello *hello,
                                   struct tls_client_hello_fields *f) {
  f->session_id = session_id(hello);
  f->server_name = server_name(hello);
  f->protocols =
      list_of(hello, TLSEXT_TYPE_application_layer_protocol_negotiation, 2);
  f->point_formats = list_of(hello, TLSEXT_TYPE_ec_point_formats, 1);
  f->versions = list_of(hello, TLSEXT_TYPE_supported_versions, 1);
  f->groups = list_of(hello, TLSEXT_TYPE_supported_groups, 2);
  f->signature_algorithms = list_of(hello, TLSEXT_TYPE_signature_algorithms, 2);
  f->wants_ocsp = wants_ocsp(hello);
}
