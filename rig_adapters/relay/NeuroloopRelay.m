classdef NeuroloopRelay < handle
    % Relay: tells neuroloop of spikes that only this machine's recording software can read.
    % Needs JeroMQ on the Java path: javaaddpath('jeromq.jar'). See "The relay protocol" in
    % neuroloop's documentation. Keys, for use across a network, are 40 characters each.
    %
    %   relay = NeuroloopRelay('tcp://127.0.0.1:5570', 'OmniPlex', 40000, [13 1; 13 2], true);
    %   relay.tell(from, through, spikes, onsets)   % every 10 to 50 ms, also without spikes
    %
    % For software that counts and tells of no single spikes, give the window, in samples from each
    % onset, and then the counts of all units for each onset whose window is over:
    %
    %   relay = NeuroloopRelay(..., true, {}, [2000 8000]);
    %   relay.tell(from, through, zeros(0, 3), onsets, counts)   % not ending in the second half of a window

    properties (SetAccess = private)
        hello
        context
        socket
    end

    methods
        function self = NeuroloopRelay(address, system, rate_hz, units, sees_onsets, keys, window)
            % units (n, 2): channel and unit of every unit that may be told of; unit 0 is unsorted.
            % keys (optional): {public, secret, neuroloop's public}; {} for none.
            extra = '';
            if nargin > 6
                extra = sprintf(',"counts_window":[%.0f,%.0f]', window(1), window(2));
            end
            self.hello = sprintf(['{"say":"hello","relay":1,"system":%s,"sample_rate_hz":%.10g,' ...
                '"units":%s,"sees_onsets":%s%s}'], jsonencode(system), rate_hz, ...
                NeuroloopRelay.rows(units), jsonencode(logical(sees_onsets)), extra);
            self.context = org.zeromq.ZContext();
            self.socket = self.context.createSocket(org.zeromq.SocketType.DEALER);
            self.socket.setLinger(0);
            self.socket.setImmediate(true); % nothing is kept for a neuroloop that is not there
            if nargin > 5 && ~isempty(keys)
                self.socket.setCurvePublicKey(uint8(keys{1}));
                self.socket.setCurveSecretKey(uint8(keys{2}));
                self.socket.setCurveServerKey(uint8(keys{3}));
            end
            self.socket.connect(address);
            self.say(self.hello);
        end

        function tell(self, from, through, spikes, onsets, counts)
            % Everything recorded in [from, through), in samples. spikes (k, 3): sample, channel,
            % unit; onsets (m, 1). Where samples were lost, begin later than the last call ended.
            % counts (k, 4), optional: onset, channel, unit, number.
            self.listen();
            extra = '';
            if nargin > 5
                extra = sprintf(',"counts":%s', NeuroloopRelay.rows(counts));
            end
            self.say(sprintf('{"say":"recorded","from":%.0f,"through":%.0f,"spikes":%s,"onsets":[%s]%s}', ...
                from, through, NeuroloopRelay.rows(spikes), NeuroloopRelay.list(onsets), extra));
        end

        function listen(self)
            % Hears what neuroloop says: it asks who is there, or refuses something and says why.
            while true
                data = self.socket.recv(org.zeromq.ZMQ.DONTWAIT);
                if isempty(data), return, end
                answer = jsondecode(native2unicode(typecast(data, 'uint8')', 'UTF-8'));
                if strcmp(answer.say, 'who')
                    self.say(self.hello);
                elseif strcmp(answer.say, 'refused')
                    warning('neuroloop refused a message: %s', answer.why);
                end
            end
        end

        function say(self, text)
            % Where neuroloop is not there, it is not sent; it will ask who is here when it comes.
            self.socket.send(uint8(unicode2native(text, 'UTF-8')), org.zeromq.ZMQ.DONTWAIT);
        end

        function delete(self)
            self.context.close();
        end
    end

    methods (Static, Access = private)
        function text = rows(table)
            parts = arrayfun(@(k) ['[' NeuroloopRelay.list(table(k, :)) ']'], ...
                (1:size(table, 1))', 'UniformOutput', false);
            text = ['[' strjoin(parts, ',') ']'];
        end

        function text = list(numbers)
            text = strjoin(arrayfun(@(n) sprintf('%.0f', n), numbers(:)', 'UniformOutput', false), ',');
        end
    end
end
