/*
 * DPDK's rte_hash as a connection table: the other side of `sides look-up`.
 *
 *     rte_hash [EAL options] -- KEYS DRAWS
 *
 * KEYS holds 16 bytes for each connection, DRAWS a number of four bytes for each packet: the connection that it is of.
 * Printed is one JSON object, nanoseconds a packet by what was measured. `find` is the look-up; `update` also writes the
 * entry, 64 bytes in an array beside the hash, as a packet of a connection does. Bursts of 32 use the bulk look-up and
 * prefetch the entries; the hash function is CRC32; there is as much room to spare as in our table; the hash is neither
 * shared nor locked. Huge pages are DPDK's own business: reserved ones, for its memory is never of transparent ones.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#define BURST 32
#define LEN 46
#define NOW UINT64_C(1716000000000000000)
#define LIFETIME UINT64_C(432000000000000)
/* How long each figure is measured, in seconds. */
#define ENOUGH 0.3

struct key { uint8_t bytes[16]; };

struct entry {
	uint64_t expires;
	uint64_t bytes[2];
	uint32_t packets[2];
	uint32_t rule;
	uint32_t connection;
	uint8_t state, originator;
} __rte_cache_aligned;

struct table {
	struct rte_hash *hash;
	struct entry *entries;
	const struct key *packets; /* the key of each packet, in their order */
	const uint32_t *draws;
	size_t count; /* of packets */
	uint64_t sum; /* of positions, so that no look-up is left out */
};

static void *read_file(const char *path, size_t size, size_t *count)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		rte_exit(EXIT_FAILURE, "%s cannot be read\n", path);
	const size_t length = (size_t)ftell(file);
	void *data = malloc(length);
	rewind(file);
	if (data == NULL || fread(data, 1, length, file) != length)
		rte_exit(EXIT_FAILURE, "%s cannot be read\n", path);
	fclose(file);
	*count = length / size;
	return data;
}

/* Writes what a packet changes, as `Entry::advance` of the benchmarks does. */
static inline void update(struct entry *entry)
{
	entry->state |= 1;
	entry->expires = NOW + LIFETIME;
	entry->packets[0] += entry->packets[0] != UINT32_MAX;
	entry->bytes[0] += LEN;
}

static inline void pass_bulk(struct table *t, int writes)
{
	const void *keys[BURST];
	int32_t found[BURST];

	for (size_t i = 0; i + BURST <= t->count; i += BURST) {
		for (unsigned int j = 0; j != BURST; j++)
			keys[j] = &t->packets[i + j];
		rte_hash_lookup_bulk(t->hash, keys, BURST, found);
		if (writes)
			for (unsigned int j = 0; j != BURST; j++)
				rte_prefetch0(&t->entries[found[j]]);
		for (unsigned int j = 0; j != BURST; j++) {
			t->sum += (uint32_t)found[j];
			if (writes)
				update(&t->entries[found[j]]);
		}
	}
}

static inline void pass_single(struct table *t, int writes)
{
	for (size_t i = 0; i != t->count; i++) {
		const int32_t found = rte_hash_lookup(t->hash, &t->packets[i]);
		t->sum += (uint32_t)found;
		if (writes)
			update(&t->entries[found]);
	}
}

static void find_bulk(struct table *t) { pass_bulk(t, 0); }
static void update_bulk(struct table *t) { pass_bulk(t, 1); }
static void find_single(struct table *t) { pass_single(t, 0); }
static void update_single(struct table *t) { pass_single(t, 1); }

/* The mean of passes over all packets, after one that warms the caches. */
static double nanoseconds(struct table *t, void (*pass)(struct table *))
{
	const double second = (double)rte_get_tsc_hz();
	unsigned int passes = 0;
	uint64_t start, spent;

	pass(t);
	start = rte_rdtsc_precise();
	do {
		pass(t);
		passes++;
		spent = rte_rdtsc_precise() - start;
	} while ((double)spent < ENOUGH * second);
	return (double)spent / second * 1e9 / ((double)passes * (double)t->count);
}

static void fill(struct table *t, const struct key *keys, size_t count)
{
	/* Our table is never fuller than 7/8. */
	const struct rte_hash_parameters parameters = {
		.name = "connections",
		.entries = (uint32_t)(count + count / 7 + 8),
		.key_len = sizeof(struct key),
		.hash_func = rte_hash_crc,
		.socket_id = SOCKET_ID_ANY,
	};

	t->hash = rte_hash_create(&parameters);
	t->entries = rte_zmalloc("entries", (parameters.entries + 1) * sizeof(struct entry), RTE_CACHE_LINE_SIZE);
	if (t->hash == NULL || t->entries == NULL)
		rte_exit(EXIT_FAILURE, "no memory for %zu connections: give more with -m\n", count);
	for (size_t i = 0; i != count; i++) {
		const int32_t at = rte_hash_add_key(t->hash, &keys[i]);
		if (at < 0)
			rte_exit(EXIT_FAILURE, "connection %zu does not fit\n", i);
		t->entries[at].connection = (uint32_t)i;
	}
}

/* Every packet finds its own connection, in bulk and alone. */
static void check(const struct table *t)
{
	for (size_t i = 0; i != t->count; i++) {
		const void *key = &t->packets[i];
		int32_t found = -1;
		const int32_t single = rte_hash_lookup(t->hash, key);
		rte_hash_lookup_bulk(t->hash, &key, 1, &found);
		if (found < 0 || found != single || t->entries[found].connection != t->draws[i])
			rte_exit(EXIT_FAILURE, "packet %zu finds another connection\n", i);
	}
}

int main(int argc, char **argv)
{
	struct table t = {0};
	size_t count;
	const int used = rte_eal_init(argc, argv);

	if (used < 0 || argc - used != 3)
		rte_exit(EXIT_FAILURE, "usage: rte_hash [EAL options] -- KEYS DRAWS\n");
	const struct key *keys = read_file(argv[used + 1], sizeof(struct key), &count);
	t.draws = read_file(argv[used + 2], sizeof(uint32_t), &t.count);
	fill(&t, keys, count);
	struct key *packets = malloc(t.count * sizeof(struct key));
	if (packets == NULL)
		rte_exit(EXIT_FAILURE, "no memory for the packets\n");
	for (size_t i = 0; i != t.count; i++)
		packets[i] = keys[t.draws[i]];
	t.packets = packets;
	check(&t);
	printf("{\"find, burst 32\": %.3f, ", nanoseconds(&t, find_bulk));
	printf("\"update, burst 32\": %.3f, ", nanoseconds(&t, update_bulk));
	printf("\"find, single\": %.3f, ", nanoseconds(&t, find_single));
	printf("\"update, single\": %.3f}\n", nanoseconds(&t, update_single));
	return t.sum == UINT64_MAX; /* never: it is only to be needed */
}
