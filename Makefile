# SPDX-License-Identifier: GPL-2.0
#
# docstore: the module, the library and the tool.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
DESTDIR ?=
export PREFIX DESTDIR

.DEFAULT_GOAL := all

.PHONY: all
all: module tools

.PHONY: module
module:
	@test -d "$(KDIR)" || { \
		echo "No kernel headers in $(KDIR)." >&2; \
		echo "Install those of your kernel (Debian, Ubuntu: linux-headers-$$(uname -r))," >&2; \
		echo "or name others: make KDIR=/path/to/headers" >&2; exit 1; }
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)" modules

.PHONY: lib
lib:
	$(MAKE) -C tools/lib

.PHONY: tools
tools: lib
	$(MAKE) -C tools/docstore

.PHONY: test
test:
	tools/test

.PHONY: demo
demo:
	tools/demo

.PHONY: docs
docs:
	$(MAKE) -C Documentation reference

.PHONY: install
install: all
	$(MAKE) -C "$(KDIR)" M="$(CURDIR)" INSTALL_MOD_PATH="$(DESTDIR)" modules_install
	$(MAKE) -C tools/lib install
	$(MAKE) -C tools/docstore install
	install -d "$(DESTDIR)/etc/modules-load.d"
	echo docstore > "$(DESTDIR)/etc/modules-load.d/docstore.conf"
	@test -n "$(DESTDIR)" || { depmod && ldconfig && modprobe docstore && \
		echo "/dev/docstore is there; try: docstore put hello '{\"to\": \"the world\"}'"; }

.PHONY: uninstall
uninstall:
	-test -n "$(DESTDIR)" || modprobe -r docstore
	$(MAKE) -C tools/lib uninstall
	$(MAKE) -C tools/docstore uninstall
	rm -f "$(DESTDIR)/etc/modules-load.d/docstore.conf"
	find "$(DESTDIR)/lib/modules" -name 'docstore.ko*' -delete
	test -n "$(DESTDIR)" || { depmod; ldconfig; }

.PHONY: clean
clean:
	$(MAKE) -C tools/lib clean
	$(MAKE) -C tools/docstore clean
	$(MAKE) -C selftests/core clean
	$(MAKE) -C selftests/tool clean
	$(MAKE) -C selftests/fuzz clean
	$(MAKE) -C tools/bench clean
	rm -f selftests/*_test selftests/*_32 selftests/docstore_helper
	rm -rf build
	find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name Module.symvers \
		-o -name modules.order -o -name '.module-common.o' \) -type f -exec rm -f {} +

.PHONY: help
help:
	@echo 'make [all]    build the module (for KDIR, by default the running kernel), the'
	@echo '              library and the tool'
	@echo 'make module   build the module only'
	@echo 'make tools    build the library and the tool only'
	@echo 'make install  install what was built below PREFIX (/usr/local), the module below'
	@echo '              /lib/modules, and load it, now and at boot; with DESTDIR only copy'
	@echo 'make uninstall  undo that'
	@echo 'make docs     write the reference of the ioctls out of the headers, to build/'
	@echo 'make test     boot a guest kernel and run all tests there (tools/test)'
	@echo 'make demo     boot a guest kernel and show docstore at work there (tools/demo)'
	@echo 'make clean    remove what was built'
