# SPDX-License-Identifier: MIT
#
# make install-packaging   what systemd needs, and a configuration file; part of make install
# make deb                 build/taskq_VERSION_ARCH.deb
#
# Included by the Makefile, after it has set PREFIX, DESTDIR, OUT and VERSION.

SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
PACKAGING  := src/packaging

$(OUT)/taskqd.service: $(PACKAGING)/taskqd.service.in $(PACKAGING)/packaging.mk FORCE
	@mkdir -p $(@D)
	$(Q)sed -e 's|@bindir@|$(PREFIX)/bin|' -e 's|@sysconfdir@|$(SYSCONFDIR)|' $< > $@

# A configuration file that is there is the operator's.
.PHONY: install-packaging
install-packaging: $(OUT)/taskqd.service
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(SYSCONFDIR)
	install -m 644 $(OUT)/taskqd.service $(PACKAGING)/taskqd.socket $(DESTDIR)$(PREFIX)/lib/systemd/system/
	install -m 644 $(PACKAGING)/taskq.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/taskq.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/taskqd.conf || \
		install -m 644 $(PACKAGING)/taskqd.conf $(DESTDIR)$(SYSCONFDIR)/taskqd.conf

.PHONY: deb
deb: $(OUT)/taskqd $(OUT)/taskq
	$(Q)VERSION=$(VERSION) MAKE="$(MAKE)" $(PACKAGING)/make-deb $(OUT)

.PHONY: FORCE
FORCE:
