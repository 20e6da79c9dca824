# SPDX-License-Identifier: GPL-2.0
#
# Fuzz targets, for the Makefiles of selftests/core and selftests/tool:
#
#	make fuzz [SECONDS=n]	each target for so long, from its corpus on
#	make fuzz-replay	each target on its corpus, without a fuzzer
#	make fuzz-broken	does a fuzzer find a fault that was put in?
#
# Who includes this sets FUZZ_TARGETS; for each target T FUZZ_OBJS_T, the objects
# that it is made of besides T_fuzz.o; FUZZ_CFLAGS and FUZZ_LIBS; and has rules
# that make $(FUZZ)/fuzzer/%.o and $(FUZZ)/replay/%.o with $(FUZZ_CC_fuzzer) and
# $(FUZZ_CC_replay).

CLANG ?= clang
FUZZ ?= build/fuzz
FUZZ_RUN := ../core/fuzz/run --folder $(notdir $(CURDIR))

FUZZ_COMMON := -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all \
	-Wno-unused-function -D_GNU_SOURCE
# clang does not say that it is there, in the way gcc does.
FUZZ_CC_fuzzer = $(CLANG) $(FUZZ_COMMON) -fsanitize=fuzzer-no-link,address,undefined \
	-U__SANITIZE_ADDRESS__ -D__SANITIZE_ADDRESS__=1 $(FUZZ_CFLAGS) -MMD -MP
FUZZ_CC_replay = $(CC) $(FUZZ_COMMON) -fsanitize=address,undefined $(FUZZ_CFLAGS) -MMD -MP

.DELETE_ON_ERROR:

define fuzz_target
$(FUZZ)/fuzzer/$(1): $(FUZZ)/fuzzer/$(1)_fuzz.o $(addprefix $(FUZZ)/fuzzer/,$(FUZZ_OBJS_$(1)))
	$$(CLANG) -fsanitize=fuzzer,address,undefined $$^ -o $$@ $$(FUZZ_LIBS)

$(FUZZ)/replay/$(1): $(FUZZ)/replay/$(1)_fuzz.o $(FUZZ)/replay/replay.o \
		$(addprefix $(FUZZ)/replay/,$(FUZZ_OBJS_$(1)))
	$$(CC) -fsanitize=address,undefined $$^ -o $$@ $$(FUZZ_LIBS)
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))

$(FUZZ)/replay/replay.o: ../core/fuzz/replay.c
	@mkdir -p $(@D)
	$(FUZZ_CC_replay) -c $< -o $@

.PHONY: fuzz-build fuzz-replay-build fuzz-list fuzz fuzz-replay fuzz-broken
fuzz-build: $(addprefix $(FUZZ)/fuzzer/,$(FUZZ_TARGETS))

fuzz-replay-build: $(addprefix $(FUZZ)/replay/,$(FUZZ_TARGETS))

fuzz-list:
	@echo $(FUZZ_TARGETS)

# SECONDS has other uses too: its default there is not ours.
fuzz:
	@$(FUZZ_RUN) --only fuzz $(if $(findstring file,$(origin SECONDS)),,--seconds $(SECONDS))

fuzz-replay:
	@$(FUZZ_RUN) --only replay

fuzz-broken:
	@$(FUZZ_RUN) --only broken

-include $(wildcard $(FUZZ)/fuzzer/*.d $(FUZZ)/replay/*.d)
