/* SPDX-License-Identifier: MIT */
/* SHA-256 by OpenSSL's EVP, which has it in assembly. Any thread; keeps nothing. */
#include "base/sha256.h"

#include <openssl/evp.h>

enum status
sha256(const struct sha256_piece *pieces, size_t count, unsigned char ret_digest[SHA256_BYTES],
    struct error *error)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned size = 0;
	int is_well;

	if (context == NULL)
		return error_set(error, STATUS_NOMEM, "no memory for a digest");
	is_well = EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	for (size_t i = 0; is_well == 1 && i < count; i++)
		is_well = EVP_DigestUpdate(context, pieces[i].data, pieces[i].size);
	if (is_well == 1)
		is_well = EVP_DigestFinal_ex(context, digest, &size);
	EVP_MD_CTX_free(context);
	if (is_well != 1 || size != SHA256_BYTES)
		return error_set(error, STATUS_INTERNAL, "cannot compute a SHA-256");
	for (size_t i = 0; i < SHA256_BYTES; i++)
		ret_digest[i] = digest[i];
	return STATUS_OK;
}
