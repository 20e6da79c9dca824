// SPDX-License-Identifier: GPL-2.0
/*
 * The first line of results: what they were measured on.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "report.h"

static void copy_text(char *to, size_t len, const char *text)
{
	size_t n = strcspn(text, "\n");

	if (n >= len)
		n = len - 1;
	memcpy(to, text, n);
	to[n] = 0;
}

/* The rest of the first line of a file that begins with @key, after ": ". */
static void file_line(const char *path, const char *key, char *value, size_t len)
{
	FILE *file = fopen(path, "r");
	char line[4096], *end;

	copy_text(value, len, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		end = *key ? strstr(line, ": ") : line;
		if (end)
			copy_text(value, len, *key ? end + 2 : end);
		break;
	}
	if (file)
		fclose(file);
}

/* Of "always [madvise] never", what stands in brackets. */
static void chosen(const char *path, char *value, size_t len)
{
	char line[256], *from, *to;

	file_line(path, "", line, sizeof(line));
	from = strchr(line, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		*to = 0;
	copy_text(value, len, to ? from + 1 : line);
}

static void hypervisor_name(char *name)
{
	memset(name, 0, 13);
#ifdef __x86_64__
	unsigned int a, b, c, d;

	__cpuid(1, a, b, c, d);
	if (!(c & 1U << 31))
		return;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
#endif
}

void report_machine(FILE *out)
{
	char cpu[128], anonymous[64], shmem[64], hypervisor[13];
	struct utsname kernel;
	struct sysinfo info;
	unsigned long long memory = 0;

	uname(&kernel);
	if (!sysinfo(&info))
		memory = (unsigned long long)info.totalram * info.mem_unit;
	file_line("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
	chosen("/sys/kernel/mm/transparent_hugepage/enabled", anonymous,
	       sizeof(anonymous));
	chosen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", shmem,
	       sizeof(shmem));
	hypervisor_name(hypervisor);
	fprintf(out, "{\"type\":\"machine\",\"cpu\":\"%s\",\"cpus\":%ld,"
		"\"virtual\":%s,\"hypervisor\":\"%s\",\"emulated\":%s,"
		"\"kernel\":\"%s\",\"memory_bytes\":%llu,\"page_bytes\":%ld,"
		"\"huge_pages\":\"%s\",\"huge_pages_shmem\":\"%s\"}\n",
		cpu, sysconf(_SC_NPROCESSORS_ONLN), *hypervisor ? "true" : "false",
		hypervisor, !strncmp(hypervisor, "TCG", 3) ? "true" : "false",
		kernel.release, memory, sysconf(_SC_PAGESIZE), anonymous, shmem);
	fflush(out);
}
